import { Button, PasswordInput, Stack, Text } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useSend } from '../../api/queries'
import { useWho } from '../../api/session'
import { ErrorBox } from '../../shared/ErrorBox'
import { Panel } from '../../shared/Panel'
import { say } from '../../shared/say'

/** Change one's own password. */
export function Password() {
  const who = useWho()
  const change = useSend('post', '/user/password/change')
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  if (!who.hasPassword) return <Panel title="Your password"><Text size="sm" c="dimmed">You are signed in with the master key: it is changed where the gateway is configured. Users with a password change it here.</Text></Panel>
  const submit = (e: FormEvent) => {
    e.preventDefault()
    change.mutate({ body: { current_password: current, new_password: next } }, { onSuccess: () => { setCurrent(''); setNext(''); say('Your password is changed; other sessions are over.') } })
  }
  return (
    <Panel title="Your password">
      <form onSubmit={submit}>
        <Stack maw={380}>
          <PasswordInput label="Current password" value={current} onChange={(e) => setCurrent(e.currentTarget.value)} autoComplete="current-password" required />
          <PasswordInput label="New password" value={next} onChange={(e) => setNext(e.currentTarget.value)} autoComplete="new-password" required />
          <ErrorBox error={change.error} />
          <div><Button type="submit" loading={change.isPending}>Change password</Button></div>
        </Stack>
      </form>
    </Panel>
  )
}
