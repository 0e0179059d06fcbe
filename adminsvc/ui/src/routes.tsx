import { Modal } from '@mantine/core'
import { lazy } from 'react'
import { createBrowserRouter, useRouteError, useSearchParams } from 'react-router'
import { identityOf, useSession } from './api/session'
import { Shell } from './layout/Shell'
import Invited from './pages/Invited'
import SignIn from './pages/SignIn'
import { ErrorBox } from './shared/ErrorBox'
import { Loading } from './shared/Loading'

const page = (load: () => Promise<{ default: React.ComponentType }>) => {
  const Page = lazy(load)
  return <Page />
}

/** Pages are for those who have signed in; the address stays, so that it opens after. */
function Gate() {
  const { who, lapsed, loading, error } = useSession()
  const [params] = useSearchParams()
  if (loading) return <div style={{ padding: 32 }}><Loading /></div>
  if (error) return <div style={{ padding: 32 }}><ErrorBox error={error} retry={() => location.reload()} /></div>
  if (params.get('invitation_id')) return <Invited />
  if (!who) return <SignIn />
  return (
    <>
      <Shell key={identityOf(who)} />
      {lapsed && <Modal opened onClose={() => {}} fullScreen withCloseButton={false} closeOnEscape={false} zIndex={1000} aria-label="Sign in again"><SignIn again /></Modal>}
    </>
  )
}

function Broken() {
  return <div style={{ padding: 24 }}><ErrorBox error={useRouteError()} retry={() => location.reload()} /></div>
}

export const router = createBrowserRouter(
  [
    {
      element: <Gate />,
      errorElement: <Broken />,
      children: [
        { index: true, element: page(() => import('./pages/home/Home')) },
        { path: 'projects', element: page(() => import('./pages/projects/Projects')) },
        { path: 'projects/:id', element: page(() => import('./pages/projects/ProjectPage')) },
        { path: 'keys', element: page(() => import('./pages/keys/Keys')) },
        { path: 'keys/:id', element: page(() => import('./pages/keys/KeyPage')) },
        { path: 'teams', element: page(() => import('./pages/teams/Teams')) },
        { path: 'teams/:id', element: page(() => import('./pages/teams/TeamPage')) },
        { path: 'users', element: page(() => import('./pages/users/Users')) },
        { path: 'users/:id', element: page(() => import('./pages/users/UserPage')) },
        { path: 'organizations', element: page(() => import('./pages/organizations/Organizations')) },
        { path: 'organizations/:id', element: page(() => import('./pages/organizations/OrganizationPage')) },
        { path: 'customers', element: page(() => import('./pages/customers/Customers')) },
        { path: 'budgets', element: page(() => import('./pages/budgets/Budgets')) },
        { path: 'access-groups', element: page(() => import('./pages/groups/AccessGroups')) },
        { path: 'models', element: page(() => import('./pages/models/Models')) },
        { path: 'logs', element: page(() => import('./pages/logs/Logs')) },
        { path: 'settings', element: page(() => import('./pages/settings/Settings')) },
        { path: 'usage', element: page(() => import('./pages/usage/Usage')) },
        { path: 'playground', element: page(() => import('./pages/playground/Playground')) },
        { path: '*', element: page(() => import('./pages/NotFound')) },
      ],
    },
  ],
  { basename: '/ui' },
)
