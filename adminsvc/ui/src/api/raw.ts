import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { everyPage, type Told } from '../shared/everyPage'
import { address, type ParamsOf, type PathOf, read, send } from './client'
import type { ApiError } from './errors'

/** Reads once what useRows reads. */
export const readRows = async <T,>(path: string, params: Record<string, unknown>) => (await read(await send('GET', address(path, params)))) as T

/** Reads a path whose reply the OpenAPI document only says is an object of rows. */
export function useRows<T>(path: string, params: Record<string, unknown>, options: { enabled?: boolean; every?: number | false } = {}) {
  const at = address(path, params)
  return useQuery<T, ApiError>({ queryKey: [path, at], queryFn: async ({ signal }) => (await read(await send('GET', at, { signal }))) as T, placeholderData: keepPreviousData, enabled: options.enabled ?? true, refetchInterval: options.every ?? false })
}

export type Listed<T> = { rows: T[]; total: number }

/** Reads a list whose answer is bare rows, and how many there are beyond the page: X-Total-Count. */
export async function readListed<T>(path: string, params: Record<string, unknown>, signal?: AbortSignal): Promise<Listed<T>> {
  const reply = await send('GET', address(path, params), { signal })
  const rows = (await read(reply)) as T[]
  return { rows, total: Number(reply.headers.get('X-Total-Count') ?? rows.length) }
}

/** A page of such a list. */
export function useListed<P extends PathOf<'get'>, T>(path: P, params: ParamsOf<P, 'get'>, options: { enabled?: boolean; stale?: number } = {}) {
  return useQuery<Listed<T>, ApiError>({ queryKey: [path, 'page', params], queryFn: ({ signal }) => readListed<T>(path, params as Record<string, unknown>, signal), placeholderData: keepPreviousData, enabled: options.enabled ?? true, ...(options.stale === undefined ? {} : { staleTime: options.stale }) })
}

/** All rows of it, for an export. */
export const everyListed = <T,>(path: string, params: Record<string, unknown>, told: Told) =>
  everyPage<T>((page) => readListed<T>(path, { ...params, page, page_size: 1000 }).then((a) => ({ rows: a.rows, pages: Math.ceil(a.total / 1000) })), told)
