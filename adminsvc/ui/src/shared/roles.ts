const names: Record<string, string> = {
  proxy_admin: 'Proxy admin', proxy_admin_viewer: 'Admin (view only)', org_admin: 'Organization admin', internal_user: 'Internal user', internal_user_viewer: 'Internal user (view only)',
  admin: 'Team admin', user: 'Member',
}
export const roleName = (role: string | null | undefined) => names[role ?? ''] ?? role ?? '–'
