import { ActionIcon, AppShell, Box, Burger, Group, Kbd, Text, Tooltip, UnstyledButton } from '@mantine/core'
import { useDisclosure, useLocalStorage } from '@mantine/hooks'
import { spotlight } from '@mantine/spotlight'
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconSearch } from '@tabler/icons-react'
import { Suspense } from 'react'
import { Link, Outlet, useLocation } from 'react-router'
import { Loading } from '../shared/Loading'
import { seesAll } from '../api/may'
import { useWho } from '../api/session'
import { AccountMenu } from './AccountMenu'
import { Bell } from './Bell'
import { NewMenu } from './NewMenu'
import { Schemes } from './Schemes'
import { Search } from './Search'
import { Tips } from '../shared/Tips'
import { Sidebar } from './Sidebar'

/** The frame of every page: top bar, sidebar, and the page. */
export function Shell() {
  const [open, { toggle, close }] = useDisclosure(false)
  const [slim, setSlim] = useLocalStorage({ key: 'purser.slim', defaultValue: false })
  const { pathname } = useLocation()
  const who = useWho()
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: slim ? 64 : 228, breakpoint: 'sm', collapsed: { mobile: !open } }} padding={{ base: 'sm', sm: 'lg' }} transitionDuration={0}>
      <a className="skip" href="#page">Skip to the page</a>
      <AppShell.Header className="top">
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={open ? 'Close the menu' : 'Open the menu'} />
            <Link to="/" style={{ display: 'flex', alignItems: 'center', gap: 10, textDecoration: 'none', color: 'inherit' }}>
              <img src="/ui/icon.svg" width={26} height={26} alt="" />
              <Text fw={700} size="lg" style={{ letterSpacing: '-.01em' }}>Purser</Text>
            </Link>
          </Group>
          <Group gap={8} wrap="nowrap">
            <UnstyledButton onClick={spotlight.open} visibleFrom="md" aria-keyshortcuts="Control+K" style={{ border: '1px solid var(--line)', borderRadius: 8, padding: '5px 10px' }}>
              <Group gap={8}><IconSearch size={15} /><Text size="sm" c="dimmed" pr={40}>Search</Text><Kbd size="xs">Ctrl K</Kbd></Group>
            </UnstyledButton>
            <ActionIcon variant="subtle" color="gray" size={34} onClick={spotlight.open} hiddenFrom="md" aria-label="Search"><IconSearch size={18} /></ActionIcon>
            <NewMenu />
            {seesAll(who) && <Bell />}
            <Schemes />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className="side" data-slim={slim || undefined} aria-label="Navigation">
        <AppShell.Section grow px={8} pb={8} style={{ overflowY: 'auto' }}><Sidebar slim={slim} onGo={close} /></AppShell.Section>
        <AppShell.Section p={8} style={{ borderTop: '1px solid var(--line)' }}>
          <Group gap={4} wrap="nowrap" justify={slim ? 'center' : 'space-between'} style={slim ? { flexDirection: 'column' } : undefined}>
            <AccountMenu slim={slim} />
            <Tooltip label={slim ? 'Wide sidebar' : 'Narrow sidebar'} position="right">
              <ActionIcon variant="subtle" color="gray" visibleFrom="sm" aria-label={slim ? 'Wide sidebar' : 'Narrow sidebar'} onClick={() => setSlim(!slim)}>
                {slim ? <IconLayoutSidebarLeftExpand size={18} /> : <IconLayoutSidebarLeftCollapse size={18} />}
              </ActionIcon>
            </Tooltip>
          </Group>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1}>
        <Box maw={1480} mx="auto"><Suspense key={pathname.split('/')[1]} fallback={<Loading />}><Outlet /></Suspense></Box>
      </AppShell.Main>
      <Search />
      <Tips />
    </AppShell>
  )
}
