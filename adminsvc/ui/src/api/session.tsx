import { useQuery } from '@tanstack/react-query'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { type BodyOf, call, onSignedOut } from './client'
import { ApiError } from './errors'
import { queries } from './queries'
import type { components } from './schema'

export type Role = 'proxy_admin' | 'proxy_admin_viewer' | 'org_admin' | 'internal_user' | 'internal_user_viewer'

/** Who is signed in, as GET /session says. */
export type Who = {
  userId: string | null
  email: string | null
  role: Role
  method: string
  hasPassword: boolean
  permissions: ReadonlySet<string>
  teams: string[]
  adminTeams: string[]
  orgs: string[]
  orgAdmin: string[]
  ui: Record<string, unknown>
}

type Session = { who: Who | null; /** Their session has ended under their hands: what they were doing is kept until they are back. */ lapsed: boolean; loading: boolean; error: unknown; signIn: (body: BodyOf<'/v2/login', 'post'>) => Promise<void>; entered: () => Promise<void>; signOut: () => Promise<void> }

const Context = createContext<Session | null>(null)

/** Who is signed in, and how to change that. The session itself is a cookie that no script can read. */
export function useSession(): Session {
  const s = useContext(Context)
  if (!s) throw new Error('useSession outside SessionProvider')
  return s
}

/** The signed-in user; pages are only shown to one. */
export function useWho(): Who {
  const { who } = useSession()
  if (!who) throw new Error('nobody is signed in')
  return who
}

type Place = { team_id?: string; organization_id?: string; role?: string; user_role?: string }

function read(s: components['schemas']['SessionRow']): Who {
  const teams = (s.teams ?? []) as Place[]
  const orgs = (s.organizations ?? []) as Place[]
  return {
    userId: s.user_id ?? null,
    email: s.user_alias || s.user_email || null,
    role: (s.user_role ?? 'internal_user') as Role,
    method: s.login_method ?? '',
    hasPassword: s.has_password === true,
    permissions: new Set(s.permissions ?? []),
    teams: teams.map((t) => t.team_id!),
    adminTeams: teams.filter((t) => t.role === 'admin' || t.role === 'org_admin').map((t) => t.team_id!),
    orgs: orgs.map((o) => o.organization_id!),
    orgAdmin: orgs.filter((o) => (o.role ?? o.user_role) === 'org_admin').map((o) => o.organization_id!),
    ui: s.ui_settings ?? {},
  }
}

const key = ['/session']
const ask = async () => {
  try {
    return read(await call('get', '/session'))
  } catch (e) {
    if (e instanceof ApiError && e.status === 401) return null
    throw e
  }
}

/** Whether two sign-ins are of one person. */
const sameAs = (a: Who, b: Who) => identityOf(a) === identityOf(b)
export const identityOf = (w: Who) => `${w.userId ?? ''} ${w.role} ${w.method === 'master_key'}`

/** What one person has read is not for the next. */
const forget = () => queries.removeQueries({ predicate: (q) => q.queryKey[0] !== key[0] })

export function SessionProvider({ children }: { children: ReactNode }) {
  const [lapsed, setLapsed] = useState(false)
  const { data, isPending, error } = useQuery({ queryKey: key, staleTime: 60_000, queryFn: async () => {
    const now = await ask()
    const was = queries.getQueryData<Who | null>(key)
    if (now || !was) return now
    setLapsed(true)
    return was
  } }, queries)
  const entered = useCallback(async () => {
    const who = await ask()
    const was = queries.getQueryData<Who | null>(key)
    if (who && was && sameAs(who, was)) void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== key[0] })
    else forget()
    queries.setQueryData(key, who)
    setLapsed(false)
  }, [])
  const signIn = useCallback(async (body: BodyOf<'/v2/login', 'post'>) => {
    await call('post', '/v2/login', { body })
    await entered()
  }, [entered])
  const signOut = useCallback(async () => {
    await call('post', '/session/logout').catch(() => {}) // it may be over already
    queries.setQueryData(key, null)
    setLapsed(false)
    forget()
  }, [])
  useEffect(() => onSignedOut(() => {
    if (!lapsed && queries.getQueryData(key)) void queries.refetchQueries({ queryKey: key }, { cancelRefetch: false })
  }), [lapsed])
  const value = useMemo(() => ({ who: data ?? null, lapsed, loading: isPending, error, signIn, entered, signOut }), [data, lapsed, isPending, error, signIn, entered, signOut])
  return <Context value={value}>{children}</Context>
}
