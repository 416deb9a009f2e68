/* Before anything is drawn: the chosen theme, so that nothing flashes. */
(function () {
  const chosen = localStorage.getItem('theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
