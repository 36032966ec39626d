"""Ollama's own dialect: /api/chat and /api/generate, served to clients and spoken to a real Ollama."""
