"""What an OpenAI-compatible endpoint needs: transport, dialect, faults, pace and the crew that asks."""
