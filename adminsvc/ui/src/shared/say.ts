import { notifications } from '@mantine/notifications'
import { ApiError } from '../api/errors'

/** Tells that something is done. */
export const say = (message: string) => notifications.show({ message, color: 'teal', autoClose: 3500 })

/** Tells why what was asked for from a menu was not done, and what to do. */
export function complain(error: unknown) {
  const e = error instanceof ApiError ? error : new ApiError(500, error instanceof Error ? error.message : String(error), '', null)
  notifications.show({ title: e.message, message: e.advice, color: 'red', autoClose: 12_000, role: 'alert' })
}
