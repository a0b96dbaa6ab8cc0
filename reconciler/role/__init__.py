"""Who is primary. Every provider answers from the system itself, never from memory."""
