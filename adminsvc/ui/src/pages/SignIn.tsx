import { Button, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useSession } from '../api/session'
import { ErrorBox } from '../shared/ErrorBox'

/** Who are you? */
export default function SignIn() {
  const { signIn } = useSession()
  const [key, setKey] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const submit = (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setError(null)
    signIn(key.trim()).catch(setError).finally(() => setBusy(false))
  }
  return (
    <main style={{ minHeight: '100dvh', display: 'grid', placeItems: 'center', padding: 16 }}>
      <form onSubmit={submit} className="card" style={{ width: 'min(400px, 100%)', padding: 28 }}>
        <Stack gap="md">
          <img src="/ui/icon.svg" width={40} height={40} alt="" />
          <div><Title order={1}>Sign in to Purser</Title><Text size="sm" c="dimmed">With the master key, or a virtual key of yours.</Text></div>
          <PasswordInput label="Key" placeholder="sk-…" value={key} onChange={(e) => setKey(e.currentTarget.value)} autoComplete="current-password" required data-autofocus autoFocus />
          <ErrorBox error={error} />
          <Button type="submit" loading={busy} fullWidth>Sign in</Button>
        </Stack>
      </form>
    </main>
  )
}
