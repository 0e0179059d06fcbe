import { useSend } from '../../api/queries'
import type { Key } from '../../api/rows'
import { Confirm } from '../../shared/Confirm'
import { say } from '../../shared/say'

export function DeleteKey({ row, onClose, then }: { row: Key; onClose: () => void; then?: () => void }) {
  const remove = useSend('post', '/key/delete')
  const name = row.key_alias || row.key_name || row.token!
  return (
    <Confirm title={`Delete ${name}?`} action="Delete key" name={name} onClose={onClose} run={async () => { await remove.mutateAsync({ body: { keys: [row.token!] } }); say(`${name} is deleted.`); then?.() }}>
      Whoever uses it is refused from now on, and it cannot be brought back. What it spent stays in Usage and Logs.
    </Confirm>
  )
}
