import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'react-router'

export type ListState = {
  q: string
  page: number
  size: number
  sort: string
  desc: boolean
  get: (name: string) => string
  set: (changes: Record<string, string | number | null>) => void
}

// What lies over the list: it does not change what is listed.
const overlays = new Set(['new', 'open'])

/** A list's search, filters and page live in the URL: a link shows the same rows. */
export function useListState(defaults: { size?: number; sort?: string; desc?: boolean } = {}): ListState {
  const [params, setParams] = useSearchParams()
  const set = useCallback((changes: Record<string, string | number | null>) => {
    setParams((old) => {
      const next = new URLSearchParams(old)
      if (!('page' in changes) && Object.keys(changes).some((name) => !overlays.has(name))) next.delete('page') // another list begins at its first page
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === '') next.delete(name)
        else next.set(name, String(value))
      }
      return next
    }, { replace: true })
  }, [setParams])
  return useMemo(() => {
    const number = (name: string, or: number) => Math.max(1, Number.parseInt(params.get(name) ?? '', 10) || or)
    return {
      q: params.get('q') ?? '',
      page: number('page', 1),
      size: Math.min(100, number('size', defaults.size ?? 50)),
      sort: params.get('sort') ?? defaults.sort ?? '',
      desc: params.has('sort') ? params.get('desc') === '1' : (defaults.desc ?? false),
      get: (name: string) => params.get(name) ?? '',
      set,
    }
  }, [params, set, defaults.size, defaults.sort, defaults.desc])
}
