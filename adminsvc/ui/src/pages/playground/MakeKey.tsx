import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import { useWho } from '../../api/session'
import { FormModal } from '../../forms/FormModal'
import type { Section } from '../../forms/spec'
import { say } from '../../shared/say'

const form: Section[] = [{ title: 'A key for an hour', about: 'For trying out; it expires by itself.', fields: [
  { name: 'team_id', label: 'Team', kind: 'team', placeholder: 'None' }, { name: 'project_id', label: 'Project', kind: 'project', placeholder: 'None' }, { name: 'max_budget', label: 'Max budget', kind: 'money' },
] }]

export function MakeKey({ onClose, onMade }: { onClose: () => void; onMade: (key: string) => void }) {
  const who = useWho()
  const create = useSend('post', '/key/generate')
  return <FormModal title="Make a key" action="Make key" sections={form} row={null} preset={{ max_budget: 1 }} onClose={onClose}
    send={async (b) => {
      const made = await create.mutateAsync({ body: { ...b, duration: '1h', key_alias: `playground-${Math.random().toString(36).slice(2, 8)}`, ...(who.method === 'master_key' || !who.userId ? {} : { user_id: who.userId }) } as BodyOf<'/key/generate', 'post'> })
      onMade(made.key!)
      say('Made. It works for an hour.')
    }} />
}
