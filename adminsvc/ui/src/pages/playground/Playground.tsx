import { Alert, Button, Group, NumberInput, PasswordInput, Select, SimpleGrid, Stack, Text, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { IconKey, IconMessageCircle, IconPlayerStop, IconSend } from '@tabler/icons-react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import { read } from '../../api/client'
import { makesKeys } from '../../api/may'
import { queries } from '../../api/queries'
import { useWho } from '../../api/session'
import { ErrorBox } from '../../shared/ErrorBox'
import { LimitsInForce } from '../../shared/LimitsInForce'
import { PageHead } from '../../shared/PageHead'
import { Panel } from '../../shared/Panel'
import { MakeKey } from './MakeKey'
import { Outcome } from './Outcome'
import { type Done, type Said, stream } from './stream'

async function hash(key: string): Promise<string> {
  // Digests need a secure context; elsewhere the API hashes for us.
  if (!crypto.subtle) return key
  return [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))].map((b) => b.toString(16).padStart(2, '0')).join('')
}

/** What a key may call, asked with the key itself. */
const modelsOf = async (key: string) => {
  const body = (await read(await fetch('/v1/models', { headers: { Authorization: `Bearer ${key}` }, credentials: 'omit' }))) as { data: { id: string; mode?: string }[] }
  return [...new Set(body.data.filter((m) => !m.mode || m.mode === 'chat').map((m) => m.id))]
}

/** A streamed message through Envoy with a key of one's own, its cost, and what it does to the limits. */
export default function Playground() {
  const who = useWho()
  // A new key comes along from where it was shown. It is kept nowhere: the history forgets it here.
  const { state } = useLocation() as { state: { key?: string } | null }
  const [key, setKey] = useState(state?.key ?? '')
  const go = useNavigate()
  useEffect(() => { if (state?.key) void go('.', { replace: true, state: null }) }, [state, go])
  const [making, setMaking] = useState(false)
  const [model, setModel] = useState<string | null>(null)
  const [cap, setCap] = useState<number | ''>(200)
  const [text, setText] = useState('')
  const [said, setSaid] = useState<Said[]>([])
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const [done, setDone] = useState<Done | null>(null)
  const abort = useRef<AbortController | null>(null)
  const whole = /^sk-.{5,}/.test(key)
  const models = useQuery({ queryKey: ['playground', key], queryFn: () => modelsOf(key), enabled: whole, retry: false, staleTime: 30_000 })
  const hashed = useQuery({ queryKey: ['playground', 'hash', key], queryFn: () => hash(key), enabled: whole, staleTime: Infinity })
  const chosen = model && models.data?.includes(model) ? model : (models.data?.[0] ?? null)
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    if (!chosen || !text.trim() || busy) return
    const ask: Said[] = [...said, { role: 'user', text: text.trim() }]
    setSaid([...ask, { role: 'assistant', text: '' }])
    setText('')
    setBusy(true)
    setError(null)
    setDone(null)
    abort.current = new AbortController()
    let answer = ''
    try {
      setDone(await stream(key, chosen, ask, cap || null, (more) => { answer += more; setSaid([...ask, { role: 'assistant', text: answer }]) }, abort.current.signal))
    } catch (x) {
      if (!abort.current.signal.aborted) setError(x)
      if (!answer) setSaid(said) // it was refused: what was asked goes back to where it was written
      if (!answer) setText(ask.at(-1)!.text)
    } finally {
      setBusy(false)
      void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'playground' })
    }
  }
  return (
    <>
      <PageHead icon={IconMessageCircle} title="Playground" about="A real call through Envoy, with a real key: it is counted and costs what it costs." />
      <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: 'start' }}>
        <Stack gap="md">
          <Panel title="Who calls, and what">
            <Stack gap="sm">
              <PasswordInput label="Key" placeholder="sk-…" value={key} onChange={(e) => setKey(e.currentTarget.value.trim())} autoComplete="off" description="Stays in this page’s memory; leaving the page forgets it." error={models.error ? models.error.message : null} />
              {makesKeys(who) && <div><Button size="compact-sm" variant="light" leftSection={<IconKey size={14} />} onClick={() => setMaking(true)}>Make a key for an hour</Button></div>}
              <Group grow>
                <Select label="Model" placeholder={whole ? 'Choose a model' : 'Enter a key first'} disabled={!models.data} data={models.data ?? []} value={chosen} onChange={setModel} searchable allowDeselect={false} />
                <NumberInput label="Longest answer" suffix=" tokens" min={1} allowDecimal={false} value={cap} onChange={(v) => setCap(typeof v === 'number' ? v : '')} placeholder="No cap" />
              </Group>
            </Stack>
          </Panel>
          <Panel title="Conversation" right={said.length > 0 && !busy && <Button size="compact-sm" variant="subtle" onClick={() => { setSaid([]); setDone(null); setError(null) }}>Clear</Button>}>
            <Stack gap="sm" aria-live="polite">
              {said.length === 0 && <Text size="sm" c="dimmed">Say something, and watch the answer stream.</Text>}
              {said.map((m, i) => (
                <div key={i} style={m.role === 'user' ? { alignSelf: 'flex-end', maxWidth: '85%', background: 'var(--mantine-primary-color-light)', borderRadius: 10, padding: '8px 12px' } : { maxWidth: '95%' }}>
                  <Text size="sm" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{m.text || (busy ? '…' : '')}</Text>
                </div>
              ))}
              <ErrorBox error={error} />
              {error !== null && <Text size="sm">See <Link to="/logs?tab=refusals">why calls were refused</Link>.</Text>}
              <form onSubmit={(e) => void submit(e)}>
                <Group gap="xs" align="flex-end" wrap="nowrap">
                  <Textarea aria-label="Message" placeholder="Which flights leave Oslo before noon?" autosize minRows={1} maxRows={6} value={text} onChange={(e) => setText(e.currentTarget.value)} style={{ flex: 1 }}
                    onKeyDown={(e) => { if (e.key === 'Enter' && !e.shiftKey) void submit(e) }} />
                  {busy ? <Button variant="default" leftSection={<IconPlayerStop size={16} />} onClick={() => abort.current?.abort()}>Stop</Button> : <Button type="submit" leftSection={<IconSend size={16} />} disabled={!chosen || !text.trim()}>Send</Button>}
                </Group>
              </form>
            </Stack>
          </Panel>
        </Stack>
        <Stack gap="md">
          {done ? <Outcome done={done} /> : <Alert variant="light" color="gray" title="After the answer">What it cost and how long it took are shown here.</Alert>}
          {whole && hashed.data && models.data && <LimitsInForce of={{ key: hashed.data }} title="Limits of this key, as they move" seconds={2} />}
        </Stack>
      </SimpleGrid>
      {making && <MakeKey onClose={() => setMaking(false)} onMade={setKey} />}
    </>
  )
}
