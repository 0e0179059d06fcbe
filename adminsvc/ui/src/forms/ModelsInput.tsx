import { MultiSelect } from '@mantine/core'
import { useNames } from '../api/names'
import { useApi } from '../api/queries'

type Props = { label: string; value: string[]; onChange: (v: string[]) => void; team?: string | null; project?: string | null; disabledBy?: string | null; error?: React.ReactNode; description?: React.ReactNode; placeholder?: string }

/** The names that can be called: all, or those of a team or project. */
export function useModelNames(team?: string | null, project?: string | null): string[] {
  const all = useApi('/models', team ? { team_id: team } : {}, { stale: 60_000 })
  const { projectRows } = useNames()
  const names = [...new Set((all.data?.data ?? []).map((m) => (m as { id: string }).id))]
  const own = project ? projectRows.find((p) => p.project_id === project)?.models : null
  return own?.length ? names.filter((n) => own.includes(n)) : names
}

/** Which models: none chosen is all that the level above allows. */
export function ModelsInput({ value, onChange, team, project, disabledBy, placeholder, ...rest }: Props) {
  const names = useModelNames(team, project)
  const all = team || project ? 'All team models' : 'All models'
  return (
    <MultiSelect {...rest} data={[...new Set([...names, ...value])]} value={value} onChange={onChange} searchable clearable hidePickedOptions disabled={!!disabledBy}
      placeholder={disabledBy ?? (value.length ? '' : placeholder ?? all)} nothingFoundMessage="No such model here" />
  )
}
