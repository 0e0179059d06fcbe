/** A thin bar of what is used, and what is held for requests under way, of a limit. */
export function Meter({ used, held = 0, limit, label }: { used: number; held?: number; limit: number; label: string }) {
  const part = (v: number) => Math.max(0, Math.min(100, limit > 0 ? (100 * v) / limit : 100))
  const state = part(used) >= 100 ? 'out' : part(used + held) >= 80 ? 'near' : 'fine'
  return (
    <div className="meter" data-state={state} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(part(used))} style={{ marginTop: 4 }}>
      <span className="used" style={{ width: `${part(used)}%` }} />
      <span className="held" style={{ width: `${Math.min(part(held), 100 - part(used))}%` }} />
    </div>
  )
}
