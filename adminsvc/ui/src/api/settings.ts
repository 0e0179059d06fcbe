/** Whether the Projects section is on. Until the API has UI settings it always is. */
export function useProjectsOn(): boolean {
  return true
}
