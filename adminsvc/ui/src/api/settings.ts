import { useWho } from './session'

/** Whether the Projects section is on: Admin Settings → UI Settings. */
export const useProjectsOn = () => useWho().ui.enable_projects_ui === true
