import { useEffect, useState } from 'react'

type Tip = { text: string; x: number; y: number; below: boolean }

/** One tooltip for all that carry data-tip. A component for each made a page of rows slow: a list has hundreds. */
export function Tips() {
  const [tip, setTip] = useState<Tip | null>(null)
  useEffect(() => {
    let on: Element | null = null
    let later = 0
    const hide = () => {
      clearTimeout(later)
      on?.removeAttribute('aria-describedby')
      on = null
      setTip(null)
    }
    const show = (el: Element) => {
      if (!el.isConnected) return hide()
      const box = el.getBoundingClientRect()
      const below = box.top < 70
      setTip({ text: el.getAttribute('data-tip') ?? '', x: Math.min(Math.max(box.left + box.width / 2, 90), innerWidth - 90), y: below ? box.bottom + 7 : box.top - 7, below })
      if (el === document.activeElement) el.setAttribute('aria-describedby', 'tip')
    }
    const over = (e: Event) => {
      const el = e.target instanceof Element ? e.target.closest('[data-tip]') : null
      if (el === on) return
      hide()
      if (!el || (e.type === 'focusin' && !el.matches(':focus-visible'))) return
      on = el
      later = window.setTimeout(() => show(el), e.type === 'focusin' ? 0 : 250)
    }
    const again = () => { if (on) { const el = on; clearTimeout(later); later = window.setTimeout(() => show(el), 30) } } // what is copied says so
    const key = (e: KeyboardEvent) => { if (e.key === 'Escape') hide() }
    document.addEventListener('pointerover', over)
    document.addEventListener('focusin', over)
    document.addEventListener('focusout', hide)
    document.addEventListener('click', again)
    document.addEventListener('keydown', key)
    document.addEventListener('scroll', hide, true)
    return () => {
      document.removeEventListener('pointerover', over)
      document.removeEventListener('focusin', over)
      document.removeEventListener('focusout', hide)
      document.removeEventListener('click', again)
      document.removeEventListener('keydown', key)
      document.removeEventListener('scroll', hide, true)
      clearTimeout(later)
    }
  }, [])
  return tip && <div id="tip" role="tooltip" className="tip" data-below={tip.below || undefined} style={{ left: tip.x, top: tip.y }}>{tip.text}</div>
}
