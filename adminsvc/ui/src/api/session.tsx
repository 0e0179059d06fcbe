import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { call, onSignedOut, useCredentials } from './client'
import { queries } from './queries'

export type Role = 'proxy_admin' | 'proxy_admin_viewer' | 'org_admin' | 'internal_user' | 'internal_user_viewer'

export type Who = { userId: string | null; email: string | null; role: Role; adminTeams: string[]; teams: string[]; orgs: string[]; orgAdmin: string[] }

type Session = { who: Who | null; loading: boolean; signIn: (key: string) => Promise<void>; signOut: () => void }

const Context = createContext<Session | null>(null)

/** Who is signed in, and how to change that. */
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

const store = 'purser.key'
let bearer = sessionStorage.getItem(store)
useCredentials((): Record<string, string> => (bearer ? { Authorization: `Bearer ${bearer}` } : {}))

async function ask(): Promise<Who> {
  const me = await call('get', '/user/info', {})
  const info = me.user_info as { user_id?: string; user_email?: string | null; user_role?: Role } | null
  const teams = (me.teams ?? []) as { team_id: string; members_with_roles?: { user_id?: string; role?: string }[] }[]
  return {
    userId: me.user_id ?? null,
    email: info?.user_email ?? null,
    role: info?.user_role ?? (me.user_id === 'default_user_id' ? 'proxy_admin' : 'internal_user'),
    orgs: [],
    orgAdmin: [],
    teams: teams.map((t) => t.team_id),
    adminTeams: teams.filter((t) => t.members_with_roles?.some((m) => m.user_id === me.user_id && m.role === 'admin')).map((t) => t.team_id),
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [who, setWho] = useState<Who | null>(null)
  const [loading, setLoading] = useState(bearer !== null)
  const signOut = useCallback(() => {
    bearer = null
    sessionStorage.removeItem(store)
    queries.clear()
    setWho(null)
  }, [])
  const signIn = useCallback(async (key: string) => {
    bearer = key
    try {
      setWho(await ask())
      sessionStorage.setItem(store, key)
    } catch (e) {
      bearer = null
      throw e
    }
  }, [])
  useEffect(() => {
    onSignedOut(signOut)
    if (bearer === null) return
    ask().then(setWho, () => signOut()).finally(() => setLoading(false))
  }, [signOut])
  const value = useMemo(() => ({ who, loading, signIn, signOut }), [who, loading, signIn, signOut])
  return <Context value={value}>{children}</Context>
}
