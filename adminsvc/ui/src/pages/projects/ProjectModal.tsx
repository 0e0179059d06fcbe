import type { BodyOf } from '../../api/client'
import { useSend } from '../../api/queries'
import type { Project } from '../../api/rows'
import { FormModal } from '../../forms/FormModal'
import type { Values } from '../../forms/spec'
import { say } from '../../shared/say'
import { projectForm } from './form'

export function ProjectModal({ row, preset, onClose }: { row: Project | null; preset?: Values; onClose: () => void }) {
  const create = useSend('post', '/project/new')
  const update = useSend('post', '/project/update')
  return (
    <FormModal title={row ? `Edit ${row.project_alias || row.project_id}` : 'Create Project'} action={row ? 'Save changes' : 'Create Project'} sections={projectForm} row={row} preset={preset} onClose={onClose}
      send={async (body) => {
        if (row) await update.mutateAsync({ body: { ...body, project_id: row.project_id! } as BodyOf<'/project/update', 'post'> })
        else await create.mutateAsync({ body: body as BodyOf<'/project/new', 'post'> })
        say(row ? 'Saved. It holds from the next call.' : `Project ${String(body.project_alias)} created.`)
      }} />
  )
}
