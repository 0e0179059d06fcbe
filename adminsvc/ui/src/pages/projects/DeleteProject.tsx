import { useSend } from '../../api/queries'
import type { Project } from '../../api/rows'
import { Confirm } from '../../shared/Confirm'
import { say } from '../../shared/say'

export function DeleteProject({ project, onClose, then }: { project: Project; onClose: () => void; then?: () => void }) {
  const remove = useSend('post', '/project/delete')
  const name = project.project_alias || project.project_id!
  return (
    <Confirm title={`Delete ${name}?`} action="Delete project" name={name} onClose={onClose}
      run={async () => { await remove.mutateAsync({ body: { project_ids: [project.project_id!] } }); say(`${name} is deleted.`); then?.() }}>
      Its limits and settings go for good; what it spent stays in Usage and Logs. A project that still has keys is not deleted: delete or move those first.
    </Confirm>
  )
}
