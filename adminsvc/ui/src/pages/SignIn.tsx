import { Anchor, Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useSession } from '../api/session'
import { ErrorBox } from '../shared/ErrorBox'
import { Entrance } from './Entrance'

/** Who are you? A user with a password, or the holder of the master key. */
export default function SignIn({ again = false }: { /** Their session ended while they were at work, which lies underneath. */ again?: boolean }) {
  const { signIn } = useSession()
  const [master, setMaster] = useState(false)
  const [name, setName] = useState('')
  const [secret, setSecret] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setError(null)
    signIn(master ? { master_key: secret.trim() } : { username: name.trim(), password: secret }).catch(setError).finally(() => setBusy(false))
  }
  return (
    <Entrance>
      <form onSubmit={submit}>
        <Stack gap="md">
          <div><Title order={1}>Sign in to Purser</Title><Text size="sm" c="dimmed">{again ? 'Your session has ended. What you have not saved is still there. ' : ''}{master ? 'With the key the gateway was started with.' : 'With your user name or e-mail address.'}</Text></div>
          {master ? null : <TextInput key="name" label="User name or e-mail" value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="username" required autoFocus />}
          <PasswordInput key={master ? 'master' : 'password'} label={master ? 'Master key' : 'Password'} placeholder={master ? 'sk-…' : ''} value={secret} onChange={(e) => setSecret(e.currentTarget.value)} autoComplete={master ? 'off' : 'current-password'} required autoFocus={master} />
          <ErrorBox error={error} />
          <Button type="submit" loading={busy} fullWidth>Sign in</Button>
          <Text size="sm" ta="center"><Anchor component="button" type="button" size="sm" onClick={() => { setMaster(!master); setSecret(''); setError(null) }}>{master ? 'Sign in with a password' : 'Use the master key'}</Anchor></Text>
        </Stack>
      </form>
    </Entrance>
  )
}
