import { useSend } from '../../api/queries'
import type { Team } from '../../api/rows'
import { Confirm } from '../../shared/Confirm'
import { say } from '../../shared/say'

export function DeleteTeam({ team, onClose, then }: { team: Team; onClose: () => void; then?: () => void }) {
  const remove = useSend('post', '/team/delete')
  const name = team.team_alias || team.team_id!
  return (
    <Confirm title={`Delete ${name}?`} action="Delete team" name={name} onClose={onClose} run={async () => { await remove.mutateAsync({ body: { team_ids: [team.team_id!] } }); say(`${name} is deleted.`); then?.() }}>
      All keys of the team go with it, {team.keys_count !== undefined && <b>{team.keys_count} of them, </b>}and their callers are refused from now on. What was spent stays in Usage and Logs. A team that still has projects is not deleted.
    </Confirm>
  )
}
