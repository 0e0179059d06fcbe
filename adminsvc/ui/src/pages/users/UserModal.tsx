import { useState } from 'react'
import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import type { User } from '../../api/rows'
import { FormModal } from '../../forms/FormModal'
import { say } from '../../shared/say'
import { KeyShown, type NewKey } from '../keys/KeyShown'
import { userForm } from './form'

export function UserModal({ row, onClose }: { row: User | null; onClose: () => void }) {
  const create = useSend('post', '/user/new')
  const update = useSend('post', '/user/update')
  const [made, setMade] = useState<NewKey | null>(null)
  if (made) return <KeyShown made={made} onClose={onClose} />
  return (
    <FormModal title={row ? `Edit ${row.user_alias || row.user_email || row.user_id}` : 'Create internal user'} action={row ? 'Save changes' : 'Create user'} sections={userForm} row={row ? { ...row } : null} preset={row ? {} : { user_role: 'internal_user' }} onClose={onClose}
      send={async (body) => {
        if (row) await update.mutateAsync({ body: { ...body, user_id: row.user_id! } as BodyOf<'/user/update', 'post'> })
        else {
          const m = await create.mutateAsync({ body: { ...body, auto_create_key: body.auto_create_key === true } as BodyOf<'/user/new', 'post'> })
          if (m.key) setMade({ key: m.key, name: m.user_email ?? m.user_id ?? '', models: m.models ?? [], token: m.token ?? '' })
        }
        say(row ? 'Saved.' : 'Created.')
      }} />
  )
}
