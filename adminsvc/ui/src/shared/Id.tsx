import { ActionIcon, CopyButton, Group, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'

/** An id in mono, clipped, with a button that copies it. */
export function Id({ value, width = 220 }: { value: string | null | undefined; width?: number }) {
  if (!value) return <span>–</span>
  return (
    <Group gap={2} wrap="nowrap" style={{ minWidth: 0 }}>
      <span className="mono clip" style={{ maxWidth: width, color: 'var(--quiet)' }} title={value}>{value}</span>
      <Copy value={value} what="id" />
    </Group>
  )
}

export function Copy({ value, what }: { value: string; what: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : `Copy ${what}`}>
          <ActionIcon size="sm" variant="subtle" color={copied ? 'teal' : 'gray'} aria-label={`Copy ${what}`} onClick={(e) => { e.stopPropagation(); copy() }}>
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  )
}
