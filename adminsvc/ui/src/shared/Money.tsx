import { exactMoney, money } from './format'

/** An amount, all its digits on hover. */
export function Money({ value }: { value: number | null | undefined }) {
  const text = money(value)
  return <span className="num" data-tip={value === null || value === undefined || exactMoney(value) === text ? undefined : exactMoney(value)}>{text}</span>
}
