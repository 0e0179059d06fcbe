import { notifications } from '@mantine/notifications'

/** Tells that something is done. */
export const say = (message: string) => notifications.show({ message, color: 'teal', autoClose: 3500 })
