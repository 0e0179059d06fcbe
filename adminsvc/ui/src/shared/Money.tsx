import { Tooltip } from '@mantine/core'
import { exactMoney, money } from './format'

/** An amount, all its digits on hover. */
export function Money({ value }: { value: number | null | undefined }) {
  const text = money(value)
  if (value === null || value === undefined || exactMoney(value) === text) return <span className="num">{text}</span>
  return <Tooltip label={exactMoney(value)}><span className="num">{text}</span></Tooltip>
}
