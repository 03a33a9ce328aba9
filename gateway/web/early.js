// Runs before the first paint, so that a chosen theme doesn't flash the other one.
try {
  const theme = localStorage.getItem('chorus.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // A frame without storage follows the system.
}
