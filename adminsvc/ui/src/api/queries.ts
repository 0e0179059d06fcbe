import { keepPreviousData, notifyManager, QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { type BodyOf, call, type Method, type ParamsOf, type PathOf, type Reply } from './client'
import { ApiError } from './errors'

// Before the next event, not after a timer: a button that sends is off before the second click of two.
notifyManager.setScheduler(queueMicrotask)

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: true,
      // A refusal stays one; only what may pass is asked again.
      retry: (count, e) => count < 2 && (!(e instanceof ApiError) || e.status === 0 || e.status >= 500),
    },
  },
})

type Options = { enabled?: boolean; every?: number | false; stale?: number }

/** Reads from the API; the page shows the last answer while the next is on its way. */
export function useApi<P extends PathOf<'get'>>(path: P, params?: ParamsOf<P, 'get'>, options: Options = {}) {
  return useQuery<Reply<P, 'get'>, ApiError>({
    queryKey: [path, params ?? {}],
    queryFn: ({ signal }) => call('get', path, { params, signal }),
    placeholderData: keepPreviousData,
    enabled: options.enabled ?? true,
    refetchInterval: options.every ?? false,
    ...(options.stale === undefined ? {} : { staleTime: options.stale }),
  })
}

/** Writes to the API. What was read before is asked again: a write may show anywhere. */
export function useSend<M extends Exclude<Method, 'get'>, P extends PathOf<M>>(method: M, path: P) {
  const client = useQueryClient()
  const m = useMutation<Reply<P, M>, ApiError, { params?: ParamsOf<P, M>; body?: BodyOf<P, M> }>({
    mutationFn: (request) => call(method, path, request),
    onSuccess: () => void client.invalidateQueries(),
  })
  // The hook answers with a new object at each render; what depends on one, as the columns of a list do, would be made anew.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  return useMemo(() => m, [m.status, m.error, m.data, m.variables, m.mutate])
}
