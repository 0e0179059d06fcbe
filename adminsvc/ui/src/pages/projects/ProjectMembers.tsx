import { Text } from '@mantine/core'
import { Link } from 'react-router'
import { runsTeam } from '../../api/may'
import { useNames } from '../../api/names'
import { useApi } from '../../api/queries'
import { useWho } from '../../api/session'
import { Members, type Membership } from '../teams/Members'

/** Who works on a project: the members of its team. */
export function ProjectMembers({ team }: { team: string }) {
  const who = useWho()
  const names = useNames()
  const { data } = useApi('/team/info', { team_id: team, key_limit: 1 })
  return (
    <>
      <Text size="sm" c="dimmed" mb="sm">Members come from the team <Link to={`/teams/${encodeURIComponent(team)}?tab=members`}>{names.teams.get(team) ?? team}</Link>; all of them may use its projects.</Text>
      <Members team={team} rows={(data?.team_memberships ?? []) as Membership[]} may={runsTeam(who, team)} />
    </>
  )
}
