import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import type { Team } from '../../api/rows'
import { FormModal } from '../../forms/FormModal'
import { say } from '../../shared/say'
import { teamForm } from './form'

export function TeamModal({ row, onClose, preset }: { row: Team | null; onClose: () => void; preset?: Record<string, unknown> }) {
  const create = useSend('post', '/team/new')
  const update = useSend('post', '/team/update')
  return (
    <FormModal title={row ? `Edit ${row.team_alias || row.team_id}` : 'Create team'} action={row ? 'Save changes' : 'Create team'} sections={teamForm} row={row} preset={preset} onClose={onClose}
      send={async ({ admin, ...body }) => {
        if (row) await update.mutateAsync({ body: { ...body, team_id: row.team_id! } as BodyOf<'/team/update', 'post'> })
        else await create.mutateAsync({ body: { ...body, ...(admin ? { members_with_roles: [{ role: 'admin', user_id: admin }] } : {}) } as BodyOf<'/team/new', 'post'> })
        say(row ? 'Saved. It holds from the next call.' : `Team ${String(body.team_alias)} created.`)
      }} />
  )
}
