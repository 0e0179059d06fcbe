import { Divider, MultiSelect, Stack, Switch } from '@mantine/core'
import { Fragment } from 'react'
import type { BodyOf } from '../../api/client'
import { useApi, useSend } from '../../api/queries'
import { nav } from '../../layout/nav'
import { ErrorBox } from '../../shared/ErrorBox'
import { Panel } from '../../shared/Panel'
import { say } from '../../shared/say'

const flags: { name: string; label: string; about: string }[] = [
  { name: 'enable_projects_ui', label: 'Enable Projects', about: 'Shows Projects in the sidebar: group a team’s keys by application, each with its own budget and limits.' },
  { name: 'disable_custom_api_keys', label: 'Refuse keys that people choose themselves', about: 'Keys are always made here, so that none can be guessed.' },
  { name: 'disable_key_generate_for_org_admin', label: 'Organization admins make no keys', about: 'Unless they are admins of the team too.' },
  { name: 'disable_team_admin_delete_team_user', label: 'Team admins remove no members', about: 'Only proxy admins do.' },
]

/** Switches of what the UI shows and what people may do. Each is in force at once. */
export function UISettings() {
  const settings = useApi('/get/ui_settings')
  const update = useSend('patch', '/update/ui_settings')
  const values = settings.data?.values ?? {}
  const set = (body: Record<string, unknown>) => update.mutate({ body: body as BodyOf<'/update/ui_settings', 'patch'> }, { onSuccess: () => say('Saved. It is in force now.') })
  const pages = (values.enabled_ui_pages_internal_users ?? null) as string[] | null
  const places = nav.flatMap((g) => g.places).filter((p) => p.to !== '/' && p.to !== '/settings').map((p) => ({ value: p.to.slice(1), label: p.label }))
  return (
    <Panel title="UI Settings" about="For everybody who signs in here.">
      <ErrorBox error={settings.error ?? update.error} />
      <Stack gap="md" mt="xs">
        {flags.map((f, i) => (
          <Fragment key={f.name}>
            {i > 0 && <Divider />}
            <Switch label={f.label} description={f.about} checked={values[f.name] === true} disabled={!settings.data || update.isPending} onChange={(e) => set({ [f.name]: e.currentTarget.checked })} size="md" />
          </Fragment>
        ))}
        <Divider />
        <MultiSelect label="Pages of internal users" description="None chosen: all that their role has." placeholder={pages?.length ? '' : 'All that their role has'} data={places} value={pages ?? []} onChange={(v) => set({ enabled_ui_pages_internal_users: v.length ? v : null })} clearable maw={640} />
      </Stack>
    </Panel>
  )
}
