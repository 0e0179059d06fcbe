import { createTheme, type MantineColorsTuple } from '@mantine/core'

const sea: MantineColorsTuple = ['#e9f7f7', '#d3ecec', '#a4d9d9', '#73c5c6', '#4db5b6', '#33aaac', '#1f9699', '#0b7a7e', '#0b6e72', '#055054']
const slate: MantineColorsTuple = ['#f7f8fa', '#eef0f3', '#e2e5ea', '#cfd4db', '#aeb6c1', '#808a98', '#5c6675', '#434c59', '#2e353f', '#1b2027']
const night: MantineColorsTuple = ['#d5dae1', '#b4bcc8', '#959fae', '#7c8796', '#4a5360', '#343b45', '#282e37', '#1d222a', '#161a20', '#101318']

export const theme = createTheme({
  primaryColor: 'sea',
  primaryShade: { light: 8, dark: 7 },
  colors: { sea, gray: slate, dark: night },
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: '"Inter Variable", "Segoe UI", system-ui, -apple-system, Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '18px' },
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '22px', lineHeight: '1.3' }, h2: { fontSize: '16px', lineHeight: '1.4' }, h3: { fontSize: '14px', lineHeight: '1.4' } } },
  defaultRadius: 'md',
  cursorType: 'pointer',
  components: {
    InputWrapper: { defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] } },
    Badge: { defaultProps: { variant: 'light', tt: 'none', fw: 550, radius: 'sm' } },
    Modal: { defaultProps: { centered: false, overlayProps: { backgroundOpacity: 0.4 }, closeButtonProps: { 'aria-label': 'Close' } } },
    Drawer: { defaultProps: { position: 'right', overlayProps: { backgroundOpacity: 0.35 }, closeButtonProps: { 'aria-label': 'Close' } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } },
    // What is out of range is said at the field: -5 made 0 behind a person's back is a budget of nothing.
    NumberInput: { defaultProps: { clampBehavior: 'none' } },
    Table: { defaultProps: { verticalSpacing: 8, horizontalSpacing: 14 } },
    Tabs: { defaultProps: { keepMounted: false } },
    // The lists of closed selects are not there: with a hundred names each, a page of filters drew and measured more of them than rows.
    Combobox: { defaultProps: { keepMounted: false } },
  },
})

/** Series of charts: the same name has the same colour everywhere. */
const series = ['#0b7a7e', '#e0943a', '#5b6ee1', '#c2527d', '#5f9e45', '#8a62c7', '#3f97d6', '#a0753f']
const models = new Map<string, string>()
const others = new Map<string, string>()

/** A colour by the name; the next free one where another name has it. */
function give(to: Map<string, string>, name: string): string {
  let at = 0
  for (const x of name) at = (at * 31 + x.codePointAt(0)!) >>> 0
  const taken = new Set(to.values())
  let c = series[at % series.length]!
  for (let i = 1; i < series.length && taken.has(c); i++) c = series[(at + i) % series.length]!
  to.set(name, c)
  return c
}

/** Gives the models their colours in the order of their names, not in the one in which pages meet them: so they have the same everywhere. */
export function knownModels(names: string[]) {
  if (names.length === models.size && names.every((n) => models.has(n))) return
  models.clear()
  for (const n of [...names].sort()) give(models, n)
}

export function colorOf(name: string): string {
  if (name === 'other') return 'var(--mantine-color-gray-5)'
  return models.get(name) ?? others.get(name) ?? give(others, name)
}
