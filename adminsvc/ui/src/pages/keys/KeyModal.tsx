import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import type { Key } from '../../api/rows'
import { FormModal } from '../../forms/FormModal'
import type { Values } from '../../forms/spec'
import { say } from '../../shared/say'
import { keyForm } from './form'
import type { NewKey } from './KeyShown'

export function KeyModal({ row, preset, onClose, onMade }: { row: Key | null; preset?: Values; onClose: () => void; onMade?: (k: NewKey) => void }) {
  const create = useSend('post', '/key/generate')
  const update = useSend('post', '/key/update')
  return (
    <FormModal title={row ? `Edit ${row.key_alias || row.key_name}` : 'Create virtual key'} action={row ? 'Save changes' : 'Create key'} sections={keyForm} row={row} preset={preset} onClose={onClose}
      send={async (body) => {
        if (row) {
          await update.mutateAsync({ body: { ...body, key: row.token! } as BodyOf<'/key/update', 'post'> })
          say('Saved. It holds from the next call.')
        } else {
          const made = await create.mutateAsync({ body: body as BodyOf<'/key/generate', 'post'> })
          onMade?.({ key: made.key!, name: made.key_alias ?? made.key_name ?? '', models: made.models ?? [], token: made.token ?? '' })
        }
      }} />
  )
}
