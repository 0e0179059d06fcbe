import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { address, read, send } from './client'
import type { ApiError } from './errors'

/** Reads once what useRows reads. */
export const readRows = async <T,>(path: string, params: Record<string, unknown>) => (await read(await send('GET', address(path, params)))) as T

/** Reads a path whose reply the OpenAPI document only says is an object of rows. */
export function useRows<T>(path: string, params: Record<string, unknown>, options: { enabled?: boolean; every?: number | false } = {}) {
  const at = address(path, params)
  return useQuery<T, ApiError>({ queryKey: [path, at], queryFn: async ({ signal }) => (await read(await send('GET', at, { signal }))) as T, placeholderData: keepPreviousData, enabled: options.enabled ?? true, refetchInterval: options.every ?? false })
}
