import { useApi } from './queries'
import type { Organization, Project, Team } from './rows'
import { useWho } from './session'

/** A project as lists and selects need it: they are many. */
export type NamedProject = Pick<Project, 'project_id' | 'project_alias' | 'team_id' | 'models'>

/** A team, the same. */
export type NamedTeam = Pick<Team, 'team_id' | 'team_alias' | 'organization_id' | 'models'>

export type Names = { teams: ReadonlyMap<string, string>; projects: ReadonlyMap<string, string>; organizations: ReadonlyMap<string, string>; ready: boolean; teamRows: NamedTeam[]; projectRows: NamedProject[]; organizationRows: Organization[] }

/** Made once for what was read: many parts of a page ask, and there may be thousands. */
let last: { of: readonly unknown[]; names: Names } | null = null

function namesOf(teams: NamedTeam[] | undefined, projects: NamedProject[] | undefined, organizations: Organization[] | undefined): Names {
  const of = [teams, projects, organizations]
  if (last && of.every((x, i) => x === last!.of[i])) return last.names
  const teamRows = teams ?? [], projectRows = projects ?? [], organizationRows = organizations ?? []
  const names: Names = {
    ready: teams !== undefined,
    teamRows,
    projectRows,
    organizationRows,
    teams: new Map(teamRows.map((t) => [t.team_id!, t.team_alias || t.team_id!])),
    projects: new Map(projectRows.map((p) => [p.project_id!, p.project_alias || p.project_id!])),
    organizations: new Map(organizationRows.map((o) => [o.organization_id!, o.organization_alias || o.organization_id!])),
  }
  last = { of, names }
  return names
}

/** Names by id, of what the caller may see: lists show these where rows have ids. */
export function useNames(): Names {
  useWho()
  const teams = useApi('/team/list', { names: true, format: 'array' }, { stale: 60_000 })
  const projects = useApi('/project/list', { names: true }, { stale: 60_000 })
  const organizations = useApi('/organization/list', {}, { stale: 60_000 })
  return namesOf(teams.data as unknown as NamedTeam[] | undefined, projects.data as NamedProject[] | undefined, organizations.data as Organization[] | undefined)
}
