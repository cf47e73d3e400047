import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Django serves the shell page; Vite only makes the files under /static/app/. */
export default defineConfig({
  base: "/static/app/",
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  plugins: [react()],
  build: {
    outDir: "dist",
    manifest: "manifest.json",
    target: "es2022",
    sourcemap: false,
    rollupOptions: { input: "src/main.tsx" },
  },
  server: {
    port: 5173,
    strictPort: true,
    origin: "http://127.0.0.1:5173",
  },
});
