import type { Column } from './column'

const quote = (v: unknown) => {
  let s = v === null || v === undefined ? '' : String(v)
  if (/^[=+\-@\t\r]/.test(s) && typeof v !== 'number') s = `'${s}` // a spreadsheet would run it
  return /[",\n\r]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s
}

export function csv<R>(rows: R[], columns: Column<R>[]): string {
  const cs = columns.filter((c) => c.value)
  return [cs.map((c) => quote(c.title)).join(','), ...rows.map((r) => cs.map((c) => quote(c.value!(r))).join(','))].join('\r\n') + '\r\n'
}

/** Hands a file to the browser. */
export function download(name: string, text: string | Blob, type = 'text/csv') {
  const url = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }))
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
