import { IconAddressBook, IconBox, IconBuilding, IconChartBar, IconFolders, IconHome, IconKey, IconListDetails, IconMessageCircle, IconSettings, IconShieldHalf, IconUser, IconUsers, IconWallet } from '@tabler/icons-react'
import type { ComponentType } from 'react'
import { isAdmin, seesAll } from '../api/may'
import type { Who } from '../api/session'

export type Place = {
  to: string
  label: string
  icon: ComponentType<{ size?: number; stroke?: number }>
  /** Who sees it; default everybody. */
  for?: (w: Who) => boolean
  /** Shown only once Projects are enabled in the UI settings. */
  projects?: boolean
  fresh?: boolean
}

const orgs = (w: Who) => seesAll(w) || w.role === 'org_admin' || w.orgs.length > 0

/** The sidebar, in the order of the work. */
export const nav: { title: string; places: Place[] }[] = [
  {
    title: 'Overview',
    places: [
      { to: '/', label: 'Home', icon: IconHome },
      { to: '/usage', label: 'Usage', icon: IconChartBar },
      { to: '/logs', label: 'Logs', icon: IconListDetails },
    ],
  },
  {
    title: 'Access',
    places: [
      { to: '/projects', label: 'Projects', icon: IconFolders, projects: true, fresh: true },
      { to: '/teams', label: 'Teams', icon: IconUsers },
      { to: '/keys', label: 'Virtual Keys', icon: IconKey },
      { to: '/users', label: 'Internal Users', icon: IconUser, for: seesAll },
      { to: '/organizations', label: 'Organizations', icon: IconBuilding, for: orgs },
      { to: '/customers', label: 'Customers', icon: IconAddressBook, for: seesAll },
      { to: '/budgets', label: 'Budgets', icon: IconWallet, for: seesAll },
    ],
  },
  {
    title: 'Models',
    places: [
      { to: '/models', label: 'Models', icon: IconBox },
      { to: '/access-groups', label: 'Access Groups', icon: IconShieldHalf, for: seesAll },
      { to: '/playground', label: 'Playground', icon: IconMessageCircle },
    ],
  },
  { title: 'Administration', places: [{ to: '/settings', label: 'Admin Settings', icon: IconSettings, for: isAdmin }] },
]

// An admin may narrow down what internal users see: enabled_ui_pages_internal_users.
const allowed = (w: Who, p: Place) => {
  const pages = w.ui.enabled_ui_pages_internal_users
  return seesAll(w) || !Array.isArray(pages) || p.to === '/' || pages.includes(p.to.slice(1))
}

/** What of the sidebar a person gets. */
export const placesFor = (w: Who, projects: boolean) =>
  nav.map((g) => ({ ...g, places: g.places.filter((p) => (!p.for || p.for(w)) && (!p.projects || projects) && allowed(w, p)) })).filter((g) => g.places.length > 0)
