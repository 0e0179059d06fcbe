import { Alert, Anchor, Badge, Breadcrumbs, Group, Tabs, Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { Link, useSearchParams } from 'react-router'
import { ApiError } from '../api/errors'
import { Empty } from './Empty'
import { ErrorBox } from './ErrorBox'
import { Id } from './Id'
import { Loading } from './Loading'
import { IconMapOff } from '@tabler/icons-react'

type Props = {
  of: { to: string; label: string }
  title: string
  id?: string | null
  blocked?: string | null | false // what being blocked means, in words
  badges?: ReactNode
  actions?: ReactNode
  error?: unknown
  loading?: boolean
  tabs: { id: string; label: string; page: ReactNode }[]
}

/** The page of one thing: its name, what can be done with it, and tabs whose choice is in the URL. */
export function Detail({ of, title, id, blocked, badges, actions, error, loading, tabs }: Props) {
  const [params, setParams] = useSearchParams()
  useEffect(() => {
    document.title = `${title || of.label} · Purser`
  }, [title, of.label])
  if (error instanceof ApiError && error.status === 404) {
    return <div className="card"><Empty icon={IconMapOff} title="It is not there" action={<Anchor component={Link} to={of.to}>{of.label}</Anchor>}>{error.message}</Empty></div>
  }
  if (error) return <ErrorBox error={error} />
  if (loading) return <Loading />
  const chosen = tabs.some((t) => t.id === params.get('tab')) ? params.get('tab') : tabs[0]!.id
  return (
    <>
      <Breadcrumbs mb={4} separatorMargin={6} style={{ fontSize: 13 }}><Anchor component={Link} to={of.to} size="sm">{of.label}</Anchor><span style={{ color: 'var(--quiet)' }} className="clip">{title}</span></Breadcrumbs>
      <Group justify="space-between" align="flex-start" gap="sm" mb="md">
        <div style={{ minWidth: 0 }}>
          <Group gap={8}><Title order={1} style={{ overflowWrap: 'anywhere' }}>{title}</Title>{blocked && <Badge color="red">Blocked</Badge>}{badges}</Group>
          {id && <Id value={id} width={320} />}
        </div>
        <Group gap="xs">{actions}</Group>
      </Group>
      {blocked && <Alert color="red" variant="light" mb="md" py={8}>{blocked}</Alert>}
      <Tabs value={chosen} onChange={(v) => setParams(v && v !== tabs[0]!.id ? { tab: v } : {}, { replace: true })}>
        <Tabs.List mb="md" style={{ overflowX: 'auto', flexWrap: 'nowrap' }}>{tabs.map((t) => <Tabs.Tab key={t.id} value={t.id} style={{ flex: 'none' }}>{t.label}</Tabs.Tab>)}</Tabs.List>
        {tabs.map((t) => <Tabs.Panel key={t.id} value={t.id}>{t.page}</Tabs.Panel>)}
      </Tabs>
    </>
  )
}
