import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useSend } from '../../api/queries'
import type { User } from '../../api/rows'
import { ErrorBox } from '../../shared/ErrorBox'
import { Copy } from '../../shared/Id'
import { When } from '../../shared/When'
import { useReturnFocus } from '../../shared/useReturnFocus'

/** Makes a link by which a user sets a password: the first one, or a forgotten one. */
export function Invite({ user, onClose }: { user: User; onClose: () => void }) {
  useReturnFocus()
  const make = useSend('post', '/invitation/new')
  const asked = useRef(false)
  const { mutate } = make
  useEffect(() => {
    if (asked.current) return // one invitation, though React runs effects twice in development
    asked.current = true
    mutate({ body: { user_id: user.user_id! } })
  }, [mutate, user.user_id])
  const link = make.data && `${location.origin}/ui?invitation_id=${encodeURIComponent(make.data.id!)}`
  return (
    <Modal opened onClose={onClose} title={<Text fw={650} size="lg" component="h2" m={0}>Invite {user.user_alias || user.user_email || user.user_id}</Text>} size={620}>
      <Stack gap="md">
        <ErrorBox error={make.error} />
        {link && <>
          <Text size="sm">Whoever has this link chooses the password and is signed in as {user.user_email || user.user_id}. It works once, and ends <When at={make.data.expires_at} />.</Text>
          <TextInput label="Link" value={link} readOnly classNames={{ input: 'mono' }} rightSection={<Copy value={link} what="link" />} onFocus={(e) => e.currentTarget.select()} data-autofocus />
          <Alert color="gray" variant="light" py={8}>Purser sends no mail: pass the link on yourself.</Alert>
        </>}
        <Group justify="flex-end"><Button onClick={onClose}>Done</Button></Group>
      </Stack>
    </Modal>
  )
}
