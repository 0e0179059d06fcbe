import { rmSync } from 'node:fs'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// dist/.keep is in git, so that Go embeds the folder of a clean clone: only the rest is cleared.
const clear = { name: 'clear-dist', apply: 'build' as const, buildStart: () => rmSync('dist/assets', { recursive: true, force: true }) }

export default defineConfig({
  base: '/ui/',
  plugins: [react(), clear],
  build: {
    emptyOutDir: false,
    target: 'es2022',
    // Nothing is inlined: the content security policy has no data: but for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  // `npm run dev` beside a running stack: PURSER=http://localhost:4000
  server: { proxy: { '^/(?!ui)': process.env.PURSER ?? 'http://localhost:4000' } },
})
