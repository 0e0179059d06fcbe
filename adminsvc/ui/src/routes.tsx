import { lazy } from 'react'
import { createBrowserRouter, useRouteError } from 'react-router'
import { useSession } from './api/session'
import { Shell } from './layout/Shell'
import SignIn from './pages/SignIn'
import { ErrorBox } from './shared/ErrorBox'
import { Loading } from './shared/Loading'

const page = (load: () => Promise<{ default: React.ComponentType }>) => {
  const Page = lazy(load)
  return <Page />
}

/** Pages are for those who have signed in; the address stays, so that it opens after. */
function Gate() {
  const { who, loading } = useSession()
  if (loading) return <div style={{ padding: 32 }}><Loading /></div>
  return who ? <Shell /> : <SignIn />
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
        { path: '*', element: page(() => import('./pages/NotFound')) },
      ],
    },
  ],
  { basename: '/ui' },
)
