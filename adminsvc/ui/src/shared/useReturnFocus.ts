import { useEffect, useState } from 'react'

/** What had the focus when a dialog opened; a row's menu is gone by then, so its button. */
function opener(): Element | null {
  const at = document.activeElement
  const menu = at?.closest('[role=menu]')
  return menu ? document.getElementById(menu.getAttribute('aria-labelledby') ?? '') : at
}

/** Gives the focus back when a dialog goes that is there only while it is open: Mantine does so for those that stay. */
export function useReturnFocus() {
  const [from] = useState(opener)
  useEffect(() => () => {
    setTimeout(() => {
      if (from instanceof HTMLElement && from.isConnected && (document.activeElement ?? document.body) === document.body) from.focus()
    })
  }, [from])
}
