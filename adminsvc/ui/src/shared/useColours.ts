import { useApi } from '../api/queries'
import { colorOf, knownModels } from '../theme'

/** The colours of names, once the models are known. */
export function useColours(): (name: string) => string {
  const all = useApi('/models', {}, { stale: 60_000 })
  if (all.data) knownModels((all.data.data ?? []).map((m) => (m as { id: string }).id))
  return colorOf
}
