import { useMemo } from 'react'
import { useApi } from './queries'
import type { Organization, Project, Team } from './rows'
import { useWho } from './session'

export type Names = { teams: ReadonlyMap<string, string>; projects: ReadonlyMap<string, string>; organizations: ReadonlyMap<string, string>; teamRows: Team[]; projectRows: Project[] }

/** Names by id, of what the caller may see: lists show these where rows have ids. */
export function useNames(): Names {
  useWho()
  const teams = useApi('/v2/team/list', { page_size: 500 } as never, { stale: 60_000 })
  const projects = useApi('/project/list', {}, { stale: 60_000 })
  const organizations = useApi('/organization/list', {}, { stale: 60_000 })
  return useMemo(() => {
    const teamRows = (teams.data?.teams ?? []) as Team[]
    const projectRows = (projects.data ?? []) as Project[]
    return {
      teamRows,
      projectRows,
      teams: new Map(teamRows.map((t) => [t.team_id!, t.team_alias || t.team_id!])),
      projects: new Map(projectRows.map((p) => [p.project_id!, p.project_alias || p.project_id!])),
      organizations: new Map(((organizations.data ?? []) as Organization[]).map((o) => [o.organization_id!, o.organization_alias || o.organization_id!])),
    }
  }, [teams.data, projects.data, organizations.data])
}
