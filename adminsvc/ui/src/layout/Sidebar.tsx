import { Badge, Group, Text, Tooltip } from '@mantine/core'
import { NavLink } from 'react-router'
import { useWho } from '../api/session'
import { useProjectsOn } from '../api/settings'
import { placesFor } from './nav'

/** The pages a person may see. Slim: only icons. */
export function Sidebar({ slim, onGo }: { slim: boolean; onGo: () => void }) {
  const who = useWho()
  const projects = useProjectsOn()
  return (
    <nav aria-label="Pages">
      {placesFor(who, projects).map((g) => (
        <div key={g.title} role="group" aria-label={g.title}>
          {slim ? <div style={{ height: 14 }} /> : <div className="side-group">{g.title}</div>}
          {g.places.map((p) => (
            <Tooltip key={p.to} label={p.label} position="right" disabled={!slim}>
              <NavLink to={p.to} end={p.to === '/'} className="side-link" onClick={onGo} aria-label={slim ? p.label : undefined}>
                <p.icon size={18} stroke={1.7} />
                {!slim && <Group gap={8} wrap="nowrap"><Text span inherit>{p.label}</Text>{p.fresh && <Badge size="xs" color="sea">New</Badge>}</Group>}
              </NavLink>
            </Tooltip>
          ))}
        </div>
      ))}
    </nav>
  )
}
