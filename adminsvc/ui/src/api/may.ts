import type { Who } from './session'

// What the sidebar and the buttons offer. The API decides; this only spares a person a refusal.
export const isAdmin = (w: Who) => w.role === 'proxy_admin'
export const seesAll = (w: Who) => w.role === 'proxy_admin' || w.role === 'proxy_admin_viewer'
export const listsUsers = (w: Who) => seesAll(w) || w.role === 'org_admin' || w.orgAdmin.length > 0
/** Whether a user's page opens. */
export const seesUser = (w: Who, user: string) => listsUsers(w) || w.userId === user
export const writes = (w: Who) => w.role !== 'proxy_admin_viewer' && w.role !== 'internal_user_viewer'
/** May change things of a team: a proxy admin, or its own admin. */
export const runsTeam = (w: Who, team: string | null | undefined) => isAdmin(w) || (writes(w) && !!team && w.adminTeams.includes(team))
export const runsSomeTeam = (w: Who) => isAdmin(w) || (writes(w) && w.adminTeams.length > 0)
export const makesKeys = (w: Who) => writes(w) && w.permissions.has('create_key')
export const makesTeams = (w: Who) => isAdmin(w) || w.permissions.has('create_team')
