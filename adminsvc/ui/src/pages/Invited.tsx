import { Button, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { call } from '../api/client'
import { useApi } from '../api/queries'
import { useSession } from '../api/session'
import { ErrorBox } from '../shared/ErrorBox'
import { Loading } from '../shared/Loading'
import { Entrance } from './Entrance'

/** An invitation's link: choose a password, and be signed in. */
export default function Invited() {
  const [params] = useSearchParams()
  const go = useNavigate()
  const { entered } = useSession()
  const id = params.get('invitation_id') ?? ''
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const [busy, setBusy] = useState(false)
  // Asked no more once it is taken up: it answers 401 then, which would sign out who has just been let in.
  const invited = useApi('/onboarding/get_token', { invite_link: id }, { enabled: !busy, stale: Infinity })
  const [error, setError] = useState<unknown>(null)
  const submit = (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setError(null)
    call('post', '/onboarding/claim_token', { body: { invitation_link: id, password } }).then(entered).then(() => go('/')).catch((e) => { setError(e); setBusy(false) })
  }
  if (invited.error) return <Entrance><Stack><ErrorBox error={invited.error} /><Text size="sm">Ask whoever invited you for a new link.</Text><Button variant="default" onClick={() => void go('/')}>Sign in</Button></Stack></Entrance>
  if (!invited.data) return <Entrance><Loading /></Entrance>
  return (
    <Entrance>
      <form onSubmit={submit}>
        <Stack gap="md">
          <div><Title order={1}>Welcome</Title><Text size="sm" c="dimmed">Choose a password for {String(invited.data.user_email ?? invited.data.user_id ?? 'your account')}.</Text></div>
          <PasswordInput label="Password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" required autoFocus />
          <PasswordInput label="Again" value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required error={again && again !== password ? 'It is not the same' : null} />
          <ErrorBox error={error} />
          <Button type="submit" loading={busy} disabled={!password || again !== password}>Set password and sign in</Button>
        </Stack>
      </form>
    </Entrance>
  )
}
