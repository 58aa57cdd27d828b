// A click on a thumbnail or on a row of sounds, and the player's time, move
// the page's own controls; the server answers those.
(() => {
  function moveTo(second) {
    const slider = document.querySelector('#avs-second input[type=range]');
    if (!slider || Number(slider.value) === second) return;
    slider.value = second;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
  }
  document.addEventListener('click', event => {
    const thumb = event.target.closest('.avs-thumbs [data-second]');
    if (thumb) moveTo(Number(thumb.dataset.second));
    const row = event.target.closest('.avs-answers [data-sound]');
    if (row) {
      for (const input of document.querySelectorAll('#avs-sound input')) {
        if (input.value === row.dataset.sound) input.click();
      }
    }
  });
  document.addEventListener('timeupdate', event => {
    if (event.target.matches('.avs-audio') && !event.target.paused) {
      moveTo(Math.floor(event.target.currentTime));
    }
  }, true);
})();
