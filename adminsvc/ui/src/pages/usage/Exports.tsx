import { Button, Menu } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useState } from 'react'
import { timezone } from '../../api/activity'
import { address, read, send } from '../../api/client'
import { ErrorBox } from '../../shared/ErrorBox'
import { download } from '../../shared/csv'

/** The same figures as a file, made by the API. */
export function Exports({ scope, path, params }: { scope: string; path: string; params: Record<string, unknown> }) {
  const [error, setError] = useState<unknown>(null)
  const get = async (format: 'csv' | 'json') => {
    setError(null)
    try {
      const reply = await send('GET', address(`/${path}/daily/activity/export`, { ...params, timezone: timezone(), format }))
      if (!reply.ok) await read(reply)
      download(`usage-${scope}-${String(params.start_date)}-${String(params.end_date)}.${format}`, await reply.blob())
    } catch (e) {
      setError(e)
    }
  }
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target><Button variant="default" leftSection={<IconDownload size={16} />}>Export</Button></Menu.Target>
        <Menu.Dropdown><Menu.Item onClick={() => void get('csv')}>CSV</Menu.Item><Menu.Item onClick={() => void get('json')}>JSON</Menu.Item></Menu.Dropdown>
      </Menu>
      <ErrorBox error={error} />
    </>
  )
}
