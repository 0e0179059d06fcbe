import { IconCheck, IconCopy } from '@tabler/icons-react'
import { type MouseEvent, useEffect, useState } from 'react'

/** An id in mono, clipped, with a button that copies it. */
export function Id({ value, width = 220 }: { value: string | null | undefined; width?: number }) {
  if (!value) return <span>–</span>
  return (
    <span className="id">
      <span className="mono clip" style={{ maxWidth: width }} title={value}>{value}</span>
      <Copy value={value} what="id" />
    </span>
  )
}

/** A small button that copies; plain elements, as lists have one in each row. */
export function Copy({ value, what }: { value: string; what: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const t = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(t)
  }, [copied])
  const copy = (e: MouseEvent) => {
    e.stopPropagation()
    void navigator.clipboard?.writeText(value).then(() => setCopied(true), () => {})
  }
  return (
    <button type="button" className="small-button" data-done={copied || undefined} data-tip={copied ? 'Copied' : `Copy ${what}`} aria-label={`Copy ${what}`} onClick={copy}>
      {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
    </button>
  )
}
